using Granary.Core.Grains;
using Granary.Gateway.Tests.Amqp;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Gateway.Tests.Links;

public sealed class PatientCallTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly FakeTimeProvider _clock = new();
    private readonly List<TaskCompletionSource<int>> _asked = [];
    private readonly List<Exception> _again = [];

    [Fact]
    public async Task Call_ProcessStoodStillMeanwhile_IsMadeOnceMore()
    {
        var answer = Ask();
        await ConnectionUnderTest.WaitUntilAsync(() => _asked.Count == 1, "the call is made");

        _clock.Advance(TimeSpan.FromSeconds(30));
        await AskedAgainAsync(2);
        _asked[1].SetResult(7);

        Assert.Equal(7, await answer);
    }

    [Fact]
    public async Task Call_NotAnswered_EndsWithItsPatience()
    {
        var answer = Ask();
        await ConnectionUnderTest.WaitUntilAsync(() => _asked.Count == 1, "the call is made");

        _clock.Advance(Patience);

        await Assert.ThrowsAsync<TimeoutException>(() => answer);
        Assert.Empty(_again);
    }

    [Fact]
    public async Task Call_NotAnsweredAfterAStandstillEither_EndsWithItsPatience()
    {
        var answer = Ask();
        await ConnectionUnderTest.WaitUntilAsync(() => _asked.Count == 1, "the call is made");
        _clock.Advance(TimeSpan.FromSeconds(30));
        await AskedAgainAsync(2);

        _clock.Advance(Patience);

        await Assert.ThrowsAsync<TimeoutException>(() => answer);
        Assert.Single(_again);
    }

    private Task<int> Ask() => PatientCall.AskAsync(
        () =>
        {
            var asked = new TaskCompletionSource<int>();
            lock (_asked)
            {
                _asked.Add(asked);
            }

            return new ValueTask<int>(asked.Task);
        },
        _clock,
        Patience,
        _again.Add,
        CancellationToken.None).AsTask();

    /// <summary>The pause before a call is made again is over as soon as it has begun.</summary>
    private async Task AskedAgainAsync(int times) => await ConnectionUnderTest.WaitUntilAsync(
        () =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(1));
            return _asked.Count == times;
        },
        "the call is made again");
}
