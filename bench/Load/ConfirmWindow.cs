using System.Numerics;
using Granary.Bench.Measure;

namespace Granary.Bench.Load;

/// <summary>Which of the latest publishes await their confirm; brokers may settle them singly and out of order.</summary>
internal sealed class ConfirmWindow(int size, LatencyHistogram latency)
{
    private readonly long[] _sentAt = new long[BitOperations.RoundUpToPowerOf2((uint)size)];
    private readonly bool[] _settled = new bool[BitOperations.RoundUpToPowerOf2((uint)size)];
    private readonly int _mask = (int)BitOperations.RoundUpToPowerOf2((uint)size) - 1;
    private ulong _next = 1;
    private ulong _lowest = 1;

    public long Pending { get; private set; }

    /// <summary>How many more may be published now. Unsettled ones hold the whole span above them: the ring has no more room.</summary>
    public int Free => size - (int)(_next - _lowest);

    public void Sent(int count, long now)
    {
        for (var i = 0; i < count; i++)
        {
            var slot = (int)_next++ & _mask;
            _sentAt[slot] = now;
            _settled[slot] = false;
        }

        Pending += count;
    }

    /// <summary>Settles one publish, or all through it, and returns how many that were; a number that is not pending counts nothing.</summary>
    public int Settle(ulong number, bool multiple, long now, long recordFrom)
    {
        if (number >= _next)
        {
            throw new Amqp.BrokerException($"the broker confirmed publish {number}, but only {_next - 1} were made");
        }

        var count = 0;
        for (var i = multiple ? _lowest : Math.Max(number, _lowest); i <= number; i++)
        {
            var slot = (int)i & _mask;
            if (_settled[slot])
            {
                continue;
            }

            _settled[slot] = true;
            count++;
            if (_sentAt[slot] >= recordFrom)
            {
                latency.RecordTicks(now - _sentAt[slot]);
            }
        }

        while (_lowest < _next && _settled[(int)_lowest & _mask])
        {
            _lowest++;
        }

        Pending -= count;
        return count;
    }
}
