"""What is to come if nothing else happens: when a record may be dialed next, and how many may be, hour by hour.

Everything is asked of the pipeline of a run, with the facts a run would have.
"""
