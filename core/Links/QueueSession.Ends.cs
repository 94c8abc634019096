namespace Granary.Core.Links;

/// <summary>How a session goes on when its activation is lost, and how it ends.</summary>
public sealed partial class QueueSession
{
    internal void EndedByQueue(LinkEnd reason)
    {
        switch (reason)
        {
            case LinkEnd.Lost when ++_tries <= MostTries:
                Resume();
                break;
            case LinkEnd.Lost when _set.IsPatient:
                Resume();
                Pause(PatientPause);
                LogHasSomethingAgainstIt(_set.Log, QueueName, PatientPause);
                break;
            case LinkEnd.Elsewhere when _set.IsPatient:
                Resume();
                Pause(LongestPause);
                break;
            case LinkEnd.Lost or LinkEnd.Elsewhere:
                GiveUp();
                break;
            default:
                Gone(isRemembered: reason == LinkEnd.Deleted);
                break;
        }
    }

    /// <summary>Goes on over a new link, to the activation that follows.</summary>
    private void Resume()
    {
        LogResumed(_set.Log, QueueName);
        CloseOpenBatch();
        _link.End(isRemembered: false);
        _set.Forget(_link);
        _link = NewLink();
        _hasSaidClose = false;
        if (_tries > 1)
        {
            var pause = FirstPause * (1 << Math.Min(_tries - 2, 8));
            Pause(pause < LongestPause ? pause : LongestPause);
        }

        var unsent = _pending.OfType<PublishItem>().Count(item => !item.Resent);
        _unstored.Sent(0, [.. _pending]);
        _pending.Clear();
        foreach (var consumer in _consumers.Values)
        {
            _pending.Add(consumer.AttachAgain());
        }

        _pending.AddRange(_held.ToItems());
        foreach (var settle in _unstored.TakeAll(_held))
        {
            // An activation takes no settlement of what it does not know to be held.
            _pending.Add(new HoldItem(0, settle.Offsets));
            _pending.Add(settle);
        }

        _pending.AddRange(_published.Reopen(unsent));
        _pending.AddRange(_gets.Select(get => new GetItem(get.Key, get.Value.NoAck)));
        _pending.AddRange(_consumers.Values.Where(consumer => consumer.IsDetaching).Select(consumer => new DetachItem(consumer.Id)));
        if (_closing)
        {
            _pending.Add(new CloseItem());
        }

        if (_pending.Count == 0 && _hasTaken)
        {
            // The next activation may wait for this session: it has nothing.
            _pending.Add(new HoldItem(0, []));
        }

        if (_pending.Count == 0 && _incarnation != default)
        {
            // Nothing is wanted of the queue just now. Whatever is next opens the link.
            return;
        }

        _set.MarkDirty(this);
    }

    private void Pause(TimeSpan pause) => (_pausedAt, _pause) = (_set.Clock.GetTimestamp(), pause);

    /// <summary>There is no queue (any more). What was sent before that was known is unrouted; what was not may be meant for a queue declared since.</summary>
    private void Gone(bool isRemembered)
    {
        CloseOpenBatch();
        var unsent = _pending.OfType<PublishItem>().Count(item => !item.Resent);
        _published.PassAnswered();
        _published.Abandon(unsent);
        EndAll(isRemembered, BrokerError.NoQueue(_set.Vhost, QueueName), mayBeDeclaredSince: !_closing);
        if (isRemembered)
        {
            LogEnded(_set.Log, QueueName);
        }
    }

    /// <summary>Nobody can say what became of what the queue was sent.</summary>
    /// <param name="isLogged">The log says already why: that the connection is gone, so that there are no consumers or channels to tell of.</param>
    private void GiveUp(bool isLogged = false)
    {
        CloseOpenBatch();
        var unsent = _pending.OfType<PublishItem>().Count(item => !item.Resent);
        while (_published.TryTakeUnsafe(unsent, out var lost))
        {
            lost?.Lost();
        }

        EndAll(isRemembered: false, BrokerError.QueueElsewhere(_set.Vhost, QueueName), mayBeDeclaredSince: false);
        if (!isLogged)
        {
            LogGivenUp(_set.Log, QueueName);
        }
    }

    /// <param name="mayBeDeclaredSince">
    /// The queue that the link was opened to is gone, which says nothing of one that was declared before something else was asked of it: that is asked again, once.
    /// </param>
    private void EndAll(bool isRemembered, BrokerError missing, bool mayBeDeclaredSince)
    {
        var consumers = _consumers.Values.ToArray();
        var gets = _gets.ToArray();
        _consumers.Clear();
        _gets.Clear();
        End(isRemembered);
        while (_published.TryTakeUnanswered(out var batch, out var outcome))
        {
            _set.Open(QueueName).Publish(batch, outcome);
        }

        foreach (var consumer in consumers)
        {
            if (consumer.IsAttached)
            {
                consumer.Ended();
            }
            else if (mayBeDeclaredSince && !consumer.AskedFirst)
            {
                consumer.AskAgain(_set.Open(QueueName));
            }
            else
            {
                consumer.Attached(missing);
            }
        }

        foreach (var (request, get) in gets)
        {
            if (mayBeDeclaredSince && !get.AskedFirst)
            {
                _set.Open(QueueName).Get(get.NoAck, get.Answer);
            }
            else
            {
                get.Answer(this, new GotItem(request, null, 0, missing));
            }
        }
    }

    private void End(bool isRemembered)
    {
        IsEnded = true;
        _set.Losses?.Sessions.Remove(_id);
        _link.End(isRemembered);
        _pending.Clear();
        _set.Remove(this, _link);
        EndDrains();
    }
}
