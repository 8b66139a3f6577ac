/* libyaml, the YAML parser of Debian's libyaml-dev. */
#include <yaml.h>
