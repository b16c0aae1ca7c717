"""A corporate bond market at the level of trade reports, with a planted bond-to-equity lead.

Belongs here: entities, latent paths, trade reports and their truth, all from one seed. Not
here: anything the graph does with them. `docs/simulated_market.md` says what it resembles.
"""
