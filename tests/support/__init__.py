"""What several tests share: small films, plans, renders, a server and a browser."""
