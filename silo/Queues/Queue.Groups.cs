using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues;

/// <summary>A queue whose messages are in groups (x-message-group): what is out of a group decides who is given the next of it.</summary>
internal sealed partial class Queue
{
    /// <summary>Null: messages are in none.</summary>
    private readonly GroupedMessages? _groups;

    /// <summary>These were given out, and are done with or about to come back.</summary>
    private void ReleaseGroups(List<MessageRun> runs)
    {
        foreach (var run in runs)
        {
            _groups!.Settled(run);
        }
    }

    /// <summary>What sessions of an earlier activation still hold keeps its groups.</summary>
    private void HoldGroups(GroupedMessages groups)
    {
        foreach (var session in _sessions.All)
        {
            session.Link.Unacked.ForEachLive((run, consumer) => groups.Hold(run, consumer));
        }
    }

    /// <summary>As <see cref="TryGet"/>. A message of a group of which anything is out is not there for this.</summary>
    private bool TryGetGrouped(QueueLink link, GetItem get, GroupedMessages groups, long now)
    {
        if (!groups.Expire(now + 1))
        {
            return false;
        }

        if (!groups.TryFind(toHolders: false, out var found, out _))
        {
            if (groups.PagedCount > 0 && !groups.Rest.IsLoaded)
            {
                return false;
            }

            AnswerEmpty(link, get);
            return true;
        }

        if (_bound.Allowed(found) == 0)
        {
            groups.NoteHeld(found);
            return false;
        }

        Give(link, get, groups.Take(found, by: null, isSettled: get.NoAck) with { Since = now });
        return true;
    }

    private void AnswerEmpty(QueueLink link, GetItem get)
    {
        link.Send(new GotItem(get.Request, null, 0, null));
        Figures.Add(QueueCount.GetEmpty, 1);
    }

    private void Give(QueueLink link, GetItem get, in MessageRun message)
    {
        if (!get.NoAck)
        {
            LargeRecord.Hold(message.Records);
            link.Unacked.Add(message, consumer: null);
            NoteUntidy(link);
        }

        _bound.Deliver(message, isSettled: get.NoAck);
        Figures.Give(get.NoAck ? QueueCount.GetNoAck : QueueCount.Get, 1, message.Redelivered);
        if (!message.Redelivered)
        {
            // It came to where it is now: to whoever got it.
            _arrivals?.Give(message.First, 1, now: message.Since);
        }

        link.Send(new GotItem(get.Request, SliceOf(message, isSettled: get.NoAck), _ready.Count, null));
    }
}
