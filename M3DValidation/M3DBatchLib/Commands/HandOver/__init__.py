"""What leaves the house and what comes back: packages made, verified and unpacked."""
