"""What plugin authors need to test their elements: no database and no telephony."""
