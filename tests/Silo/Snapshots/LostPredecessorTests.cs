using Granary.Core.Links;
using Granary.Silo.Snapshots;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.Snapshots;

public sealed class LostPredecessorTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    private readonly FakeTimeProvider _time = new();
    private readonly SiloLosses _losses;
    private readonly Table _departures;

    public LostPredecessorTests()
    {
        _losses = new SiloLosses("this", _time);
        _departures = new Table(_losses);
    }

    [Fact]
    public void Change_NobodyHasLeft_WaitsForNobody()
    {
        Assert.True(Follow().IsForgottenAsync().IsCompletedSuccessfully);
        Assert.Equal(1, _departures.Looks);
    }

    [Fact]
    public async Task Change_LossOfWhichThisProcessWasNotTold_WaitsForALease()
    {
        _departures.HasGone = true;
        _time.Advance(TimeSpan.FromMinutes(1));

        await TakesAsync(Follow().IsForgottenAsync(), Lease);
    }

    [Fact]
    public async Task Change_SiloIsLeaving_WaitsForALeaseAfterThisActivationBegan()
    {
        _departures.IsLeaving = true;
        var before = Follow();
        _time.Advance(Lease / 3);

        await TakesAsync(before.IsForgottenAsync(), Lease - (Lease / 3));
    }

    [Fact]
    public void Change_ALeaseAfterThisActivationBegan_LooksForNobody()
    {
        _departures.IsLeaving = true;
        var before = Follow();
        _time.Advance(Lease);

        Assert.True(before.IsForgottenAsync().IsCompletedSuccessfully);
        Assert.Equal(0, _departures.Looks);
    }

    [Fact]
    public void Change_OfANewName_LooksForNobody()
    {
        _departures.IsLeaving = true;
        var before = Follow();
        before.HadNothing();

        Assert.True(before.IsForgottenAsync().IsCompletedSuccessfully);
        Assert.Equal(0, _departures.Looks);
    }

    [Fact]
    public async Task Changes_OfOneActivation_LookOnce()
    {
        _departures.IsLeaving = true;
        var before = Follow();
        var first = before.IsForgottenAsync();

        await TakesAsync(before.IsForgottenAsync(), Lease);

        Assert.True(first.IsCompletedSuccessfully);
        Assert.Equal(1, _departures.Looks);
    }

    [Fact]
    public void Change_InALoneProcess_WaitsForNobody() =>
        Assert.True(new LostPredecessor(null, null, Lease, _time).IsForgottenAsync().IsCompletedSuccessfully);

    private LostPredecessor Follow() => new(_losses, _departures, Lease, _time);

    private async Task TakesAsync(Task forgotten, TimeSpan length)
    {
        _time.Advance(length - Moment);
        Assert.False(forgotten.IsCompleted);

        _time.Advance(Moment);
        await forgotten;
    }

    private sealed class Table(SiloLosses losses) : IDepartures
    {
        public bool HasGone { get; set; }

        public bool IsLeaving { get; set; }

        public int Looks { get; private set; }

        public Task<bool> LookAsync()
        {
            Looks++;
            if (HasGone)
            {
                losses.See();
            }

            return Task.FromResult(IsLeaving);
        }
    }
}
