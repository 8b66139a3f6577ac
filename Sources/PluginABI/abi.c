#include "mooring/plugin.h"
