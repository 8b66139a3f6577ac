extension AzureOptions {
    /// The JSON Schema of the options.
    public static let schema = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "azure",
          "description": "Objects as blobs of an Azure Blob Storage container.",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "accountname": {
              "description": "The storage account. Required, unless the connection string names it.",
              "type": "string", "minLength": 1, "examples": ["myregistry"]
            },
            "accountkey": {
              "description": "The account's key, for the credentials shared_key.",
              "type": "string", "minLength": 1
            },
            "container": {
              "description": "The container. Required; it must exist.",
              "type": "string", "minLength": 1, "examples": ["registry"]
            },
            "credentials": {
              "description": "How requests prove who sends them.",
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "type": {
                  "description": "Which kind. Without it: shared_key if there is an account key, sas_token if there is a signature, else default_credentials.",
                  "type": "string",
                  "enum": ["shared_key", "sas_token", "client_secret", "workload_identity", "managed_identity", "default_credentials"]
                },
                "clientid": {
                  "description": "The application; for managed_identity which of the machine's identities.",
                  "type": "string"
                },
                "tenantid": { "description": "The directory of the application.", "type": "string" },
                "secret": { "description": "The application's secret, for client_secret.", "type": "string" },
                "sastoken": { "description": "The shared access signature of the container or account, for sas_token.", "type": "string" },
                "authority": {
                  "description": "Where tokens are had. Default: AZURE_AUTHORITY_HOST, else what belongs to the realm.",
                  "type": "string", "examples": ["https://login.microsoftonline.com"]
                },
                "tokenfile": {
                  "description": "The file with the federated token, for workload_identity. Default: AZURE_FEDERATED_TOKEN_FILE.",
                  "type": "string"
                }
              }
            },
            "connectionstring": {
              "description": "Account, key or signature, and endpoint in one text; options of their own come first.",
              "type": "string", "minLength": 1
            },
            "realm": {
              "description": "The cloud's domain, such as core.chinacloudapi.cn.",
              "type": "string", "minLength": 1, "default": "core.windows.net"
            },
            "serviceurl": {
              "description": "The service, if it isn't https://<accountname>.blob.<realm>: a sovereign cloud, a private endpoint, or an emulator with the account in the path.",
              "type": "string", "minLength": 1, "examples": ["http://127.0.0.1:10000/devstoreaccount1"]
            },
            "rootdirectory": {
              "description": "What each blob's name begins with.",
              "type": "string", "default": ""
            },
            "max_retries": {
              "description": "How often a pending copy is looked at before it is aborted; -1 aborts it at once.",
              "type": ["integer", "string"], "minimum": -1, "maximum": 10000, "default": 5
            },
            "retry_delay": {
              "description": "The time before the first look at a pending copy; it doubles from look to look.",
              "type": "string", "default": "100ms"
            },
            "skipverify": {
              "description": "Takes any certificate.",
              "type": "boolean", "default": false
            },
            "cafile": {
              "description": "A PEM file with the authorities that are trusted, instead of the system's.",
              "type": "string", "minLength": 1
            },
            "chunksize": {
              "description": "Bytes of an upload's blocks, from 1 MiB to 100 MiB. Smaller contents are put in one request. Blocks of large blobs grow by themselves.",
              "type": ["integer", "string"], "minimum": 1048576, "maximum": 104857600, "default": 4194304
            },
            "concurrency": {
              "description": "Blocks of one upload on their way at once.",
              "type": ["integer", "string"], "minimum": 1, "maximum": 64, "default": 4
            }
          }
        }
        """#
}
