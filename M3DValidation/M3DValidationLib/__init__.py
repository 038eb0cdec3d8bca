"""Requirements, checks, deviation and report: is the image good enough, and does the mesh show what the image shows?"""
