"""Credit news: what an issuer's bonds and CDS together say that markets, sectors and its own stock
do not.

Belongs here: the model of an issuer's credit level, what is new in it, and how stocks have answered
such news (`docs/credit_news.md` tells it in words). Not here: spreads of single bonds (`bonds/`),
what a model makes of the features (`learning/`).
"""
