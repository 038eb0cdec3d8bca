"""The languages of reports: message catalogs, and sentences that were written in English said again in another one."""
