"""Ways to a person, behind one port: the inbox of the portal, and a webhook to the portal's own gateways."""
