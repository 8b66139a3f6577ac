"""Google's own client, for tests that write with one side and read with the other.

    google_client.py ENDPOINT BUCKET put KEY FILE      in one request
    google_client.py ENDPOINT BUCKET stream KEY FILE   by a resumable upload in chunks of 512 KiB
    google_client.py ENDPOINT BUCKET get KEY FILE
    google_client.py ENDPOINT BUCKET list PREFIX       key, size and type of each object, a line each
    google_client.py ENDPOINT BUCKET copy KEY KEY
    google_client.py ENDPOINT BUCKET delete KEY
"""

import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage


def main(endpoint, bucket, command, *arguments):
    client = storage.Client(
        project="tests", credentials=AnonymousCredentials(), client_options={"api_endpoint": endpoint})
    bucket = client.bucket(bucket)
    blob = bucket.blob(arguments[0])
    if command == "put":
        blob.upload_from_filename(arguments[1], content_type="application/octet-stream", checksum="crc32c")
    elif command == "stream":
        blob.chunk_size = 512 << 10
        with open(arguments[1], "rb") as file:
            blob.upload_from_file(file, content_type="application/octet-stream")
    elif command == "get":
        blob.download_to_filename(arguments[1], checksum="crc32c")
    elif command == "list":
        for item in client.list_blobs(bucket, prefix=arguments[0]):
            print(item.name, item.size, item.content_type)
    elif command == "copy":
        token, copy = None, bucket.blob(arguments[1])
        while True:
            token, _, _ = copy.rewrite(blob, token=token)
            if token is None:
                break
    elif command == "delete":
        blob.delete()
    else:
        sys.exit("unknown command")


main(*sys.argv[1:])
