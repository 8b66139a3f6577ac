/// The prose around the table of the reference page.
enum ConfigurationPage {
    static let introduction = """
        # Configuration

        <!-- Generated from the table of keys in Sources/Host/RegistryConfiguration/Schema: change it there. -->

        Mooring reads the YAML file of Distribution (`registry:2`, `registry:3`), version 0.1, unchanged, and a few keys of
        its own. Without a file it serves `./data` on `127.0.0.1:5000`.

        | command | does |
        |---|---|
        | `mooring config check FILE` | reports everything that is wrong, with lines |
        | `mooring config show FILE` | prints the effective configuration, with the origin of each value |
        | `mooring config describe KEY` | prints the rows of this page for one key and those below it |

        A small file:

        ```yaml
        version: 0.1
        storage:
          filesystem:
            rootdirectory: /var/lib/registry
          delete:
            enabled: true
        http:
          addr: :5000
          headers:
            X-Content-Type-Options: [nosniff]
        ```

        ## How the file is read

        - The text is UTF-8, at most 1 MiB, at most 64 levels deep. Anchors, aliases and merge keys (`<<`) work. A key that
          is given twice is an error.
        - Values without quotes follow YAML 1.1, as Go's yaml.v2 has it: `yes`, `on` and `true` are true; `0x1F`, `0o17` and
          `017` are numbers. Where a key wants text, a number or a truth value is taken as it is written.
        - A key without a value (`key:` or `key: null`) is an absent key.
        - Durations are Go's: `90s`, `1h30m`, `500ms`. A bare number counts nanoseconds.
        - Sizes are numbers of bytes, or have a unit: `64KiB`, `4MiB`, `10GiB`, `1TiB`.
        - An unknown key is a warning that names the nearest key. Below `auth`, `access` and `http.tls` it is an error,
          since a misspelt restriction must not be lost. A wrong value is always an error.
        - Options of a driver, a middleware or an auth backend go to its plugin, which checks them: see the plugin's page.
        - A feature of Distribution that does not exist here yet is named in a warning and ignored. Where ignoring it would
          leave the registry more open than the file says, the server refuses to start.

        ## Environment variables

        `REGISTRY_` and the path of a key, in capitals and with `_` between its parts, overrides the key:
        `REGISTRY_HTTP_ADDR=:8080`, `REGISTRY_STORAGE_S3_BUCKET=images`.

        - The value is YAML: `true`, `[a, b]` and `{enabled: true}` mean what they mean in the file. Text that means
          something else to YAML needs quotes within the value: `REGISTRY_HTTP_SECRET='"#1"'`. An empty value unsets the key.
        - A variable that names a section replaces it: `REGISTRY_STORAGE=s3` drops the file's whole `storage` section.
          Sections are set before their keys, so further variables add to it.
        - Lists are counted from 0: `REGISTRY_MIDDLEWARE_STORAGE_0_NAME`. The next index appends an element; an index beyond
          it is an error.
        - Options of plugins: a key that the file names can be overridden whatever its spelling, `max_retries` for one
          (`REGISTRY_STORAGE_AZURE_MAX_RETRIES`). In a new one, each `_` begins a map inside a map, but for the names that
          Distribution's drivers are known to have.
        - A driver that the file does not name beside the file's own is an error that names both.
        - `REGISTRY_CONFIGURATION_PATH` names the file and overrides nothing. The version cannot be overridden.
        - Variables that Kubernetes sets for services near the registry (`REGISTRY_PORT=tcp://…`,
          `REGISTRY_AUTH_SERVICE_HOST`, `REGISTRY_PORT_5000_TCP_ADDR`) are ignored.
        - A variable that names no key is reported and ignored; below `auth`, `access` and `http.tls` it is an error.

        ## Secrets

        What is printed never holds a secret: keys marked so below, options whose names hold words like `secret`,
        `password`, `token` or `key`, and the user part and the query of URLs are shown as `<secret>`.

        ## Keys

        `[]` marks a list of groups, `<name>` a name that is free. What is said of a group holds for the keys below it.

        """

    static let conclusion = """

        ## Differences from Distribution

        - `http.draintimeout` is 10 seconds, not 0: requests under way are finished when the server is stopped.
        - Durations of `uploadpurging` and all others may be written with or without quotes.
        - Mistakes are reported with their lines instead of a panic, and all at once.
        - `storage.operationtimeout`, `http.limits`, `http.timeouts`, `http.threads` and `plugins` are new.

        """
}
