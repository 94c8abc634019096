using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Links;

namespace Granary.Silo.Queues;

/// <summary>Messages that are got one by one.</summary>
internal sealed partial class Queue
{
    private readonly Queue<(QueueLink Link, GetItem Get)> _waitingGets = new();

    private void Get(QueueLink link, GetItem get, long now)
    {
        if ((RefusalFor(link) ?? Definition.CheckGet()) is { } error)
        {
            link.Send(new GotItem(get.Request, null, 0, error));
            return;
        }

        Use(now);

        if (_waitingGets.Count > 0 || !TryGet(link, get, now))
        {
            _waitingGets.Enqueue((link, get));
        }
    }

    private void ServeWaitingGets(long now)
    {
        while (_waitingGets.TryPeek(out var next) && (next.Link.HasEnded || TryGet(next.Link, next.Get, now)))
        {
            _waitingGets.Dequeue();
        }
    }

    /// <summary>False: there is a message, but it has to be read from the store first, or the store has to know that it is delivered, or many others have to expire before.</summary>
    private bool TryGet(QueueLink link, GetItem get, long now)
    {
        if (_groups is { } groups)
        {
            return TryGetGrouped(link, get, groups, now);
        }

        var top = _ready.Top;
        bool isThere;
        while (!(isThere = top.HasFirst(now + 1)) && top.IsEmpty && top != _ready.Top)
        {
            // What was there has just expired.
            top = _ready.Top;
        }

        if (!isThere)
        {
            if (!_ready.IsEmpty)
            {
                return false;
            }

            AnswerEmpty(link, get);
            return true;
        }

        if (_bound.Allowed(top.First) == 0)
        {
            return false;
        }

        var length = MessageRecord.LengthOf(top.First.Records.Span);
        var message = top.Take(1, length) with { Since = now };

        // What is overdue is gone, and is not among the messages that are left.
        _ready.Expire(now + 1);
        Give(link, get, message);
        return true;
    }
}
