"""Security identity: CUSIPs, and the dated chain from bond to issuer to parent to stock.

Belongs here: who a bond leads to, as known on a day, and what is said of it there: rating, par
outstanding, call schedule, sector ETF. Not here: prices, and what any of it is worth.
"""
