"""Try a site from outside, after a deploy or at night, as `manage.py smoke` prints it.

It needs the site's address, somebody's login and a producer's key: neither its database nor its settings.
"""
