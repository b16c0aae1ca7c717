"""Fixtures of several folders. Belongs here: what more than one of them asks for. Not here: what
one alone does.
"""

pytest_plugins = ["bondsig_assets_tests.sources.wrds_server"]
