extension CloudFrontOptions {
    static let schema = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "cloudfront",
          "description": "Sends pulls of blobs to Amazon CloudFront in front of the driver's S3 bucket.",
          "type": "object",
          "additionalProperties": false,
          "required": ["baseurl", "privatekey", "keypairid"],
          "properties": {
            "baseurl": {
              "title": "Base URL", "description": "Of the distribution; its origin path must be empty.",
              "type": "string", "minLength": 1, "examples": ["https://d111111abcdef8.cloudfront.net/"]
            },
            "privatekey": {
              "title": "Private key", "description": "Path of a file with the RSA key as PEM.",
              "type": "string", "minLength": 1, "examples": ["/etc/registry/cloudfront.pem"]
            },
            "keypairid": {
              "title": "Key pair", "description": "The id by which CloudFront knows the public key.",
              "type": "string", "minLength": 1, "examples": ["K2JCJMDEHXQW5F"]
            },
            "duration": {
              "title": "Lifetime of a URL", "description": "How long a URL is good.",
              "type": "string", "default": "20m", "examples": ["20m"]
            },
            "ipfilteredby": {
              "title": "Who goes to the bucket",
              "description": "Clients with addresses of Amazon (aws), or of some regions (awsregion), go to S3 itself.",
              "type": "string", "enum": ["", "none", "aws", "awsregion"], "default": "none"
            },
            "awsregion": {
              "title": "Regions", "description": "For awsregion, divided by commas.",
              "type": "string", "examples": ["us-east-1,us-west-2"]
            },
            "updatefrequency": {
              "title": "Renewal of the address list", "description": "How often the list of addresses is read.",
              "type": "string", "default": "12h", "examples": ["12h"]
            },
            "updatefrenquency": {
              "title": "Renewal of the address list", "description": "The same, as it was once misspelt.",
              "type": "string"
            },
            "iprangesurl": {
              "title": "Address list", "description": "Where Amazon publishes its addresses.",
              "type": "string", "default": "https://ip-ranges.amazonaws.com/ip-ranges.json"
            },
            "trimpathprefix": {
              "title": "Prefix to cut off",
              "description": "Cut off the path of the driver's URLs: the bucket, where they are in path style and not of Amazon.",
              "type": "string", "examples": ["/bucket"]
            }
          }
        }
        """#
}
