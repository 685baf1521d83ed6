"""Feeds and sitemaps of portals that can neither call nor push, read at intervals into the catalogue.

In: files of an operator, one a feed. Out: items by the rules of an import, and what each poll found.
"""
