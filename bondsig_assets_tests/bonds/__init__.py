"""Tests of `bondsig_assets.bonds`; QuantLib is the judge."""
