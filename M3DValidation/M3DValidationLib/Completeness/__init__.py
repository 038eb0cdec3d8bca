"""Does the model show all that the scan shows of its anatomy, and nothing else (ISO/IEC 3532-1, 6.3 and 6.4)?"""
