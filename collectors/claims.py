"""Whom the consent ledger must be asked about before the events of a request are judged.

In: what a client sent. Out: the signed-in people whose events claim `personalise` on a site that requires the ledger.
"""

from __future__ import annotations

from collections.abc import Container

from collectors.arrival import Arrival, Envelope
from collectors.request_facts import RequestFacts


def claimants(envelope: Envelope, request: RequestFacts, sites: Container[str]) -> frozenset[str]:
    """Return the pseudonyms; who is missed here counts as one whose consent could not be read."""
    found = set()
    for event in envelope.events:
        if isinstance(event, Arrival) and event.consent == "personalise":
            site = event.site or request.proven_site
            tokens = (event.subject_token, envelope.subject_token, request.subject_token)
            token = next((one for one in tokens if one is not None), None)
            if site in sites and token is not None:
                found.add(request.subject_of(token, site))
    return frozenset(found - {""})
