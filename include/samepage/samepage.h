/* samepage/samepage.h: the whole public contract. Nothing of its own. */
#ifndef SAMEPAGE_SAMEPAGE_H
#define SAMEPAGE_SAMEPAGE_H

#include <samepage/base.h>
#include <samepage/look.h>
#include <samepage/node.h>
#include <samepage/segment.h>
#include <samepage/stream.h>
#include <samepage/sync.h>

#endif
