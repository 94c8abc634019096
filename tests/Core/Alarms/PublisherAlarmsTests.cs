using Granary.Core.Alarms;

namespace Granary.Core.Tests.Alarms;

public sealed class PublisherAlarmsTests
{
    private readonly PublisherAlarms _alarms = new();

    [Theory]
    [InlineData("", new PublisherAlarm[0])]
    [InlineData("low on memory", new[] { PublisherAlarm.Memory })]
    [InlineData("low on disk", new[] { PublisherAlarm.Disk })]
    [InlineData("low on memory & disk", new[] { PublisherAlarm.Disk, PublisherAlarm.Memory })]
    [InlineData("the store is out of reach", new[] { PublisherAlarm.Store })]
    [InlineData("the scratch log is out of reach", new[] { PublisherAlarm.Scratch })]
    [InlineData("low on disk & the store is out of reach & the scratch log is out of reach", new[] { PublisherAlarm.Scratch, PublisherAlarm.Disk, PublisherAlarm.Store })]
    [InlineData("low on memory & disk & the store is out of reach", new[] { PublisherAlarm.Store, PublisherAlarm.Disk, PublisherAlarm.Memory })]
    public void Reason_WhateverIsRaised_IsAsRabbitMqSaysIt(string reason, PublisherAlarm[] raised)
    {
        foreach (var alarm in raised)
        {
            Assert.True(_alarms.Raise(alarm));
            Assert.False(_alarms.Raise(alarm));
        }

        Assert.Equal(reason, _alarms.Reason);
        Assert.Equal(raised.Length > 0, _alarms.IsRaised);
    }

    [Fact]
    public void Alarm_RaisedByHandAndForAReason_EndsWhenBothDo()
    {
        Assert.True(_alarms.SetByHand(PublisherAlarm.Memory, isRaised: true));
        Assert.False(_alarms.SetByHand(PublisherAlarm.Memory, isRaised: true));
        var version = _alarms.Own.Version;
        Assert.True(_alarms.Raise(PublisherAlarm.Memory));
        Assert.Equal((version, "low on memory"), (_alarms.Own.Version, _alarms.Reason));
        Assert.True(_alarms.SetByHand(PublisherAlarm.Memory, isRaised: false));
        Assert.True(_alarms.IsRaised);

        Assert.True(_alarms.Clear(PublisherAlarm.Memory));

        Assert.False(_alarms.IsRaised);
        Assert.Equal(version + 1, _alarms.Own.Version);
    }

    [Fact]
    public async Task WaitUntilClear_TwoRaised_CompletesWithTheLast()
    {
        Assert.True(_alarms.WaitUntilClearAsync(CancellationToken.None).IsCompletedSuccessfully);
        _alarms.Raise(PublisherAlarm.Memory);
        _alarms.Raise(PublisherAlarm.Disk);
        var clear = _alarms.WaitUntilClearAsync(CancellationToken.None);

        Assert.True(_alarms.Clear(PublisherAlarm.Memory));
        Assert.False(_alarms.Clear(PublisherAlarm.Memory));
        Assert.False(clear.IsCompleted);

        _alarms.Clear(PublisherAlarm.Disk);
        await clear.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.False(_alarms.IsRaised);
    }
}
