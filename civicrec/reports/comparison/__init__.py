"""What two groups of people say of each other: rates, intervals, and whether the groups may be compared at all.

Pure: counts in, figures out. What is published here says its source; nothing knows what was compared.
"""
