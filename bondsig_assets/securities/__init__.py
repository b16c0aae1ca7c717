"""Security identity: CUSIPs, and the dated chain from bond to issuer to parent to stock.

Belongs here: who a bond leads to, as known on a day. Not here: prices.
"""
