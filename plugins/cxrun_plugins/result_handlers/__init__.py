"""Result handlers: where an answered call goes, and which result a call ends with."""
