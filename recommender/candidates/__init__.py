"""Candidate generators, a file each: a file here that has a `GENERATOR` is one (`recommender.generators`)."""
