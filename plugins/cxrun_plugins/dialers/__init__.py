"""The dialers that come with cxrun; each module is named as a session profile names the dialer."""
