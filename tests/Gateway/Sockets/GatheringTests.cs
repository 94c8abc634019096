using Granary.Gateway.Sockets;

namespace Granary.Gateway.Tests.Sockets;

/// <summary>A loop and its load, by a clock of microseconds: rounds with what arrived since the last one, and sleeps where they are worthwhile.</summary>
public sealed class GatheringTests
{
    private const long Second = 1_000_000;
    private const long Late = 60;
    private const long Message = 100;

    private readonly Gathering _gathering = new(Second);
    private long _now = 5 * Second;
    private long _received;
    private long _flushes;
    private long _slept;
    private long _rounds;
    private TimeSpan _longest;

    [Fact]
    public void Loop_ManyLoneMessagesThatTheStoreWaitsFor_Gathers()
    {
        RunOpen(Second, messagesPerSecond: 20_000, isStored: true);
        Assert.InRange(_slept, Second * 8 / 10, Second);
        Assert.InRange(_rounds, 800, 2000);
    }

    [Fact]
    public void Loop_FloodOfLoneMessagesThatNothingStores_GathersForAShorterTime()
    {
        RunOpen(Second, messagesPerSecond: 100_000, isStored: false);
        Assert.InRange(_slept, Second * 7 / 10, Second);
        Assert.Equal(Gathering.ShortTime, _longest);
    }

    [Fact]
    public void Loop_LoadIsOver_StopsGathering()
    {
        RunOpen(Second, messagesPerSecond: 20_000, isStored: true);
        RunOpen(Second / 10, messagesPerSecond: 1000, isStored: true);
        _slept = 0;
        RunOpen(Second, messagesPerSecond: 1000, isStored: true);
        Assert.Equal(0, _slept);
    }

    [Fact]
    public void Loop_LoadFallsByAThird_GoesOnGathering()
    {
        RunOpen(Second, messagesPerSecond: 20_000, isStored: true);
        _slept = 0;
        RunOpen(Second, messagesPerSecond: 13_000, isStored: true);
        Assert.InRange(_slept, Second * 7 / 10, Second);
    }

    [Theory]
    [InlineData(20_000, false, Message)]
    [InlineData(1000, true, Message)]
    [InlineData(20_000, true, 4000)]
    public void Loop_NothingIsStoredOrFewMessagesOrLargeOnes_NeverSleeps(int messagesPerSecond, bool isStored, int octets)
    {
        RunOpen(3 * Second, messagesPerSecond, isStored, octets);
        Assert.Equal(0, _slept);
    }

    [Theory]
    [InlineData(1, 200)]
    [InlineData(1, 50)]
    [InlineData(3, 200)]
    public void Clients_ThatWaitForEachAnswer_AreHardlySlowed(int clients, int roundTrip)
    {
        var undisturbed = 20 * Second / roundTrip * clients;
        var messages = RunClosed(20 * Second, clients, roundTrip);
        Assert.InRange(messages, undisturbed * 97 / 100, undisturbed);
    }

    [Fact]
    public void Clients_SoManyThatTheyAreNotSlowed_AreGathered()
    {
        // A hundred clients keep the loop and the store busy one message at a time: 30 microseconds for each.
        var messages = RunClosed(2 * Second, clients: 100, roundTrip: 3000);
        Assert.InRange(_slept, Second, 2 * Second);
        Assert.True(messages > 2 * Second * 100 / 3000 * 3 / 4, $"{messages}");
    }

    // What arrives does not depend on what was answered.
    private void RunOpen(long time, int messagesPerSecond, bool isStored, int octets = (int)Message)
    {
        var gap = Second / messagesPerSecond;
        var end = _now + time;
        var handled = _now;
        while (_now < end)
        {
            // The next message is waited for unless some have come meanwhile.
            _now = Math.Max(_now, handled + gap);
            var count = (_now - handled) / gap;
            handled += count * gap;
            _now += 10;
            Round(count * octets, isStored ? 1 : 0);
        }
    }

    // Each client sends again when it has its answer, a round trip after it sent; messages are handled one after the other.
    private long RunClosed(long time, int clients, int roundTrip)
    {
        var end = _now + time;
        var sending = new Queue<long>(Enumerable.Range(0, clients).Select(client => _now + (client * roundTrip / clients)));
        var messages = 0L;
        while (_now < end)
        {
            _now = Math.Max(_now, sending.Peek());
            var count = 0;
            while (sending.TryPeek(out var sent) && sent <= _now)
            {
                sending.Dequeue();
                sending.Enqueue(Math.Max(sent, _now) + roundTrip);
                count++;
            }

            messages += count;
            Round(count * Message, 1);
        }

        return messages;
    }

    private void Round(long octets, int flushes)
    {
        (_received, _flushes, _rounds) = (_received + octets, _flushes + flushes, _rounds + 1);
        var time = _gathering.TimeToSleep(_now, _received, _flushes);
        if (time > TimeSpan.Zero)
        {
            var micros = (long)time.TotalMicroseconds + Late;
            _now += micros;
            _slept += micros;
            _longest = time > _longest ? time : _longest;
        }
    }
}
