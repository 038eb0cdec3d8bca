"""Bringing one surface onto another: from any position, from the present one, by pairs of points, by datum surfaces."""
