"""Stands where pip would be imported from: nothing is installed while a tool is called."""

from librebird._guard import refuse_install


def main(arguments=None):
    refuse_install(word for word in arguments or [] if word != "install")
