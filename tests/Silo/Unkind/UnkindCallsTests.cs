using System.Collections.Concurrent;
using Granary.Testing.Unkind;

namespace Granary.Silo.Tests.Unkind;

/// <summary>That unkind calls are what they say, on the runtime as it is.</summary>
public sealed class UnkindCallsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Fates _fates = new(seed: 1) { Only = Fate.Kind, Meant = static called => called == typeof(ITally) || called == typeof(ITallyObserver) };

    [Theory]
    [InlineData(Fate.Lost, 0)]
    [InlineData(Fate.AnswerLost, 1)]
    public async Task Call_ThatTimesOut_HasHappenedOrNot(Fate fate, int times)
    {
        await using var silo = await TestSilo.StartAsync(_fates);
        var tally = silo.Grains.GetGrain<ITally>("calls");

        _fates.Only = fate;
        await Assert.ThrowsAsync<TimeoutException>(async () => await tally.AddAsync(7));

        _fates.Only = Fate.Kind;
        Assert.Equal(Enumerable.Repeat(7, times), await tally.ReadAsync());
    }

    [Fact]
    public async Task Call_Twice_HappensTwiceAndIsAnsweredByTheFirst()
    {
        await using var silo = await TestSilo.StartAsync(_fates);
        var tally = silo.Grains.GetGrain<ITally>("calls");

        _fates.Only = Fate.Twice;
        Assert.Equal(1, await tally.AddAsync(7));

        _fates.Only = Fate.Kind;
        Assert.Equal(Enumerable.Repeat(7, 2), await tally.ReadAsync());
    }

    [Fact]
    public async Task Calls_ThatComeLate_OvertakeEachOther()
    {
        await using var silo = await TestSilo.StartAsync(_fates);
        var tally = silo.Grains.GetGrain<ITally>("calls");
        await tally.ReadAsync();

        await Task.WhenAll(Enumerable.Range(0, 100).Select(number => tally.AddAsync(number).AsTask()));

        var arrived = await tally.ReadAsync();
        Assert.NotEqual(Enumerable.Range(0, 100), arrived);
        Assert.Equal(Enumerable.Range(0, 100), arrived.Order());
    }

    [Theory]
    [InlineData(Fate.Kind, 1)]
    [InlineData(Fate.Lost, 0)]
    [InlineData(Fate.AnswerLost, 1)]
    [InlineData(Fate.Twice, 2)]
    public async Task Push_ThatNobodyWaitsFor_ArrivesSoManyTimes(Fate fate, int times)
    {
        await using var silo = await TestSilo.StartAsync(_fates);
        var observer = new Observer();
        var reference = silo.Grains.CreateObjectReference<ITallyObserver>(observer);

        // From outside of a grain, so that only the push has this fate, which is drawn some time after this.
        _fates.Only = fate;
        await reference.NoteAsync(1);
        Assert.True(SpinWait.SpinUntil(() => _fates.Drawn == 1, Patience));
        _fates.Only = Fate.Kind;
        await silo.Grains.GetGrain<ITally>("calls").PushAsync(reference, 2);

        await observer.WhenAsync(arrived => arrived.Contains(2) && arrived.Count(number => number == 1) >= times);
        Assert.Equal([.. Enumerable.Repeat(1, times), 2], observer.Arrived.Order());
        silo.Grains.DeleteObjectReference<ITallyObserver>(reference);
    }

    [Fact]
    public void Fates_OfOneSeed_AreTheSameAndOfAllKinds()
    {
        Fates one = new(seed: 3), other = new(seed: 3);
        var drawn = Enumerable.Range(0, 500).Select(_ => one.Draw()).ToArray();

        Assert.Equal(drawn, Enumerable.Range(0, 500).Select(_ => other.Draw()));
        Assert.Equal(Enum.GetValues<Fate>(), drawn.Select(draw => draw.Fate).Distinct().Order());
        Assert.Contains(drawn, draw => draw.Delay > TimeSpan.Zero);
    }

    private sealed class Observer : ITallyObserver
    {
        private readonly ConcurrentQueue<int> _arrived = [];
        private readonly SemaphoreSlim _moved = new(0);

        public IReadOnlyCollection<int> Arrived => _arrived;

        public Task NoteAsync(int number)
        {
            _arrived.Enqueue(number);
            _moved.Release();
            return Task.CompletedTask;
        }

        public async Task WhenAsync(Func<IReadOnlyCollection<int>, bool> hasArrived)
        {
            while (!hasArrived(_arrived))
            {
                Assert.True(await _moved.WaitAsync(Patience), "Nothing arrives any more.");
            }
        }
    }
}
