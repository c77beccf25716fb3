"""What rules would do, before they do it: two strategies compared, history judged anew, dials planned."""
