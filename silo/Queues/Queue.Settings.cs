using Granary.Core.Links;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues;

/// <summary>What a queue goes by, and how it comes to go by something else.</summary>
internal sealed partial class Queue
{
    private readonly Action<long, long> _noteGone;

    // Come while the queue waits for sessions of an earlier activation: what it puts off meanwhile is to be taken as what comes later is.
    private QueueSettings? _nextSettings;

    /// <summary>
    /// Goes by other settings from now on: what is there is trimmed by <see cref="EndTurn"/>; when messages expire is what it was when they came. To be followed by
    /// <see cref="EndTurn"/>.
    /// </summary>
    /// <returns>False: these are what it goes by.</returns>
    public bool Apply(QueueSettings settings, long now)
    {
        if (IsRecovering)
        {
            _nextSettings = settings;
            return false;
        }

        var before = _settings;
        if (settings == before)
        {
            return false;
        }

        _settings = settings;
        _limit = settings.IsLimited ? new LengthLimit(settings, _retries) : null;
        _ready.CountBodies(settings.MaxBytes is not null);
        if (settings.Deduplication != before.Deduplication)
        {
            Deduplicate(settings.Deduplication);
        }

        if (settings.Expires != before.Expires)
        {
            // It is not deleted for the time before that it was not to be deleted.
            Use(now);
        }

        if (settings.ConsumerTimeout != before.ConsumerTimeout || settings.MessageLease != before.MessageLease)
        {
            foreach (var session in _sessions.All.Where(static session => !session.Link.HasEnded))
            {
                session.Link.Send(Opened());
            }
        }

        return true;
    }

    /// <summary>What those who have links to the queue are told of it.</summary>
    private OpenedItem Opened() => new(Incarnation, _settings.ConsumerTimeout) { MessageLease = _settings.MessageLease };
}
