from kinemacolor.cli.main import main

main()
