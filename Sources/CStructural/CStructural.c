#include "CStructural.h"
