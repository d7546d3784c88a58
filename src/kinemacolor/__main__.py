from kinemacolor.cli import main

main()
