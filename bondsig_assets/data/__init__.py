"""Data shipped with the package. Belongs here: small public facts such as holidays. Not here:
market data.
"""
