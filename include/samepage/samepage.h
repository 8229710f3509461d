/* samepage/samepage.h: the whole public contract. Nothing of its own. */
#ifndef SAMEPAGE_SAMEPAGE_H
#define SAMEPAGE_SAMEPAGE_H

#include <samepage/base.h>
#include <samepage/cell.h>
#include <samepage/look.h>
#include <samepage/node.h>
#include <samepage/php.h>
#include <samepage/queue.h>
#include <samepage/segment.h>
#include <samepage/service.h>
#include <samepage/stream.h>
#include <samepage/sync.h>
#include <samepage/system_semaphore.h>
#include <samepage/topic.h>
#include <samepage/waitset.h>

#endif
