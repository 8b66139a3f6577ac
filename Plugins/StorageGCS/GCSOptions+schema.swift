extension GCSOptions {
    static let schema = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "gcs",
          "description": "Objects in a bucket of Google Cloud Storage, in Distribution's layout.",
          "type": "object",
          "additionalProperties": false,
          "required": ["bucket"],
          "properties": {
            "bucket": {
              "title": "Bucket", "description": "The bucket that holds the objects. It must exist.",
              "type": "string", "minLength": 3, "examples": ["registry-images"]
            },
            "keyfile": {
              "title": "Key file",
              "description": "A JSON file of credentials: a service account's key, a gcloud user, workload identity federation or an impersonated account. Without it and credentials: Application Default Credentials.",
              "type": "string", "examples": ["/run/secrets/gcs.json"]
            },
            "credentials": {
              "title": "Credentials",
              "description": "What a key file holds, as a map or as JSON text.",
              "type": ["object", "string"]
            },
            "rootdirectory": {
              "title": "Root directory", "description": "What all keys begin with.",
              "type": "string", "default": "", "examples": ["registry"]
            },
            "chunksize": {
              "title": "Chunk size",
              "description": "Memory of an upload in bytes, of which half is sent at a time; a multiple of 262144. What fits in is one request.",
              "type": ["integer", "string"], "minimum": 262144, "maximum": 1073741824, "default": 16777216
            },
            "maxconcurrency": {
              "title": "Requests at once",
              "description": "The most requests under way at the same time. Less than 25 counts as 25.",
              "type": ["integer", "string"], "maximum": 10000, "default": 50
            },
            "useragent": {
              "title": "User agent", "description": "The header User-Agent of requests.",
              "type": "string", "default": "mooring"
            },
            "endpoint": {
              "title": "Endpoint", "description": "Where the JSON API is: a private endpoint or an emulator.",
              "type": "string", "default": "https://storage.googleapis.com", "examples": ["http://127.0.0.1:4443"]
            },
            "iamendpoint": {
              "title": "IAM endpoint", "description": "Where URLs are signed if the key isn't here.",
              "type": "string", "default": "https://iamcredentials.googleapis.com"
            },
            "anonymous": {
              "title": "Anonymous", "description": "Send no credentials: for emulators and public buckets.",
              "type": ["boolean", "string"], "default": false
            },
            "storageclass": {
              "title": "Storage class", "description": "Of new objects. Without it: the bucket's.",
              "type": "string", "examples": ["NEARLINE"]
            },
            "kmskey": {
              "title": "KMS key", "description": "Encrypts new objects. Without it: the bucket's.",
              "type": "string",
              "examples": ["projects/p/locations/l/keyRings/r/cryptoKeys/k"]
            },
            "userproject": {
              "title": "User project", "description": "The project that pays for requests to a bucket whose requester pays.",
              "type": "string"
            },
            "predefinedacl": {
              "title": "Predefined ACL",
              "description": "Access rules of new objects, in a bucket without uniform access. Without it: the bucket's.",
              "type": "string", "examples": ["projectPrivate"]
            },
            "cafile": {
              "title": "CA file", "description": "PEM file of the authorities to trust instead of the system's.",
              "type": "string"
            },
            "skipverify": {
              "title": "Skip verification", "description": "Don't check certificates. For experiments.",
              "type": ["boolean", "string"], "default": false
            },
            "connecttimeout": {
              "title": "Connect time-out", "description": "Seconds for name, connection and TLS.",
              "type": ["integer", "string"], "minimum": 1, "maximum": 3600, "default": 10
            },
            "responsetimeout": {
              "title": "Response time-out", "description": "Seconds from the last byte sent to the first received.",
              "type": ["integer", "string"], "minimum": 1, "maximum": 3600, "default": 60
            },
            "stalltimeout": {
              "title": "Stall time-out", "description": "Seconds for which a transfer may be slower than 1 KiB a second.",
              "type": ["integer", "string"], "minimum": 1, "maximum": 3600, "default": 30
            },
            "maxretries": {
              "title": "Retries", "description": "How often a request that failed is repeated.",
              "type": ["integer", "string"], "minimum": 0, "maximum": 20, "default": 4
            }
          }
        }
        """#
}
