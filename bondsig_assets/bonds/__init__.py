"""Bond arithmetic, arrays in, arrays out: conventions, Treasury curves, yields and spreads.

Belongs in this package: whatever needs only a bond's terms, a price and a curve. Not here:
which trades make a price (`trace/`), who stands behind a bond (`securities/`), averages over
an issuer's bonds (`features/`). This module stays empty, so that importing the package does
not load numba.
"""
