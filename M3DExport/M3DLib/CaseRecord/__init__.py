"""The record of a case: one order, what was done for it, who confirmed it; a folder that nobody can change unseen."""
