"""Files from the web: fetched with resume and checksum, unpacked, and read as torchvision reads them."""
