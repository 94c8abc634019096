using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues.Consumers;

/// <summary>Consumers that take turns: those of them that may be given messages, the next one first. Whoever left or ran out of credit is dropped when its turn comes.</summary>
internal sealed class TurnRing
{
    private readonly RingBuffer<Consumer> _able = new();

    /// <summary>How many stand in it. Of these only the first is known to be able, after <see cref="DropUnable"/>.</summary>
    public int Count => _able.Count;

    public Consumer First => _able[0];

    /// <summary>Its credit may have grown.</summary>
    public void Refresh(Consumer consumer)
    {
        if (!consumer.InRing && consumer.IsAble)
        {
            consumer.InRing = true;
            _able.AddLast(consumer);
        }
    }

    /// <summary>Makes the first of the ring one that is able; false if there is none.</summary>
    public bool DropUnable()
    {
        while (_able.Count > 0 && !_able[0].IsAble)
        {
            _able.RemoveFirst().InRing = false;
        }

        return _able.Count > 0;
    }

    /// <summary>The first one has its turn, and stands last from now on.</summary>
    public Consumer Turn()
    {
        var consumer = _able.RemoveFirst();
        _able.AddLast(consumer);
        return consumer;
    }

    /// <summary>How many messages could be given out now, up to <paramref name="most"/>.</summary>
    public long Credit(long most)
    {
        var credit = 0L;
        for (var i = 0; i < _able.Count && credit < most; i++)
        {
            if (_able[i].IsAble)
            {
                credit += Math.Min(_able[i].Credit, most);
            }
        }

        return credit;
    }

    /// <summary>Puts them in the order of their ranks: those that come again after the loss of an activation come in any order.</summary>
    public void Order()
    {
        var able = new Consumer[_able.Count];
        for (var i = 0; i < able.Length; i++)
        {
            able[i] = _able.RemoveFirst();
        }

        foreach (var consumer in able.OrderBy(static consumer => consumer.Rank))
        {
            _able.AddLast(consumer);
        }
    }

    public void Clear()
    {
        while (_able.Count > 0)
        {
            _able.RemoveFirst().InRing = false;
        }
    }
}
