using Granary.Core.Grains;
using Granary.Gateway.Tests.Amqp;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Gateway.Tests.Links;

public sealed class PatientCallTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(250);

    private readonly FakeTimeProvider _clock = new();
    private readonly List<TaskCompletionSource<int>> _asked = [];
    private readonly List<Exception> _again = [];

    [Theory]
    [InlineData(4, 0)]
    [InlineData(15, 0)]
    [InlineData(13, 3)]
    [InlineData(15, 14)]
    [InlineData(30, 0)]
    public async Task Call_ProcessStoodStillMeanwhile_IsMadeOnceMore(int seconds, int before)
    {
        var answer = Ask();
        await ConnectionUnderTest.WaitUntilAsync(() => _asked.Count == 1, "the call is made");
        await PassAsync(answer, TimeSpan.FromSeconds(before));

        _clock.Advance(TimeSpan.FromSeconds(seconds));
        await AskedAgainAsync(2);
        _asked[1].SetResult(7);

        Assert.Equal(7, await answer);
    }

    [Fact]
    public async Task Call_AnsweredWhileTheProcessStoodStill_HasItsAnswer()
    {
        var answer = Ask();
        await ConnectionUnderTest.WaitUntilAsync(() => _asked.Count == 1, "the call is made");

        _clock.Advance(Patience);
        _asked[0].SetResult(7);

        Assert.Equal(7, await answer);
        Assert.Empty(_again);
    }

    [Fact]
    public async Task Call_NotAnswered_EndsWithItsPatience()
    {
        var answer = Ask();
        await ConnectionUnderTest.WaitUntilAsync(() => _asked.Count == 1, "the call is made");

        Assert.InRange(await PassAsync(answer, Patience * 2), Patience, Patience + TimeSpan.FromSeconds(1));
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

        Assert.InRange(await PassAsync(answer, Patience * 2), Patience - TimeSpan.FromSeconds(2), Patience);
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

    /// <summary>Time passes for a process that runs, until the call is over. Returns how much has passed.</summary>
    private async Task<TimeSpan> PassAsync(Task answer, TimeSpan atMost)
    {
        var passed = TimeSpan.Zero;
        for (; passed < atMost && !answer.IsCompleted; passed += Step)
        {
            _clock.Advance(Step);
            await Task.WhenAny(answer, Task.Delay(5));
        }

        return passed;
    }

    /// <summary>The pause before a call is made again is over as soon as it has begun.</summary>
    private async Task AskedAgainAsync(int times) => await ConnectionUnderTest.WaitUntilAsync(
        () =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(20));
            return _asked.Count == times;
        },
        "the call is made again");
}
