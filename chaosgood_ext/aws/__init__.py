"""What scenarios need of AWS that chaosaws lacks or does in a way that cannot be repeated."""
