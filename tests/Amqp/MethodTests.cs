using System.Reflection;
using Granary.Amqp.Methods;

namespace Granary.Amqp.Tests;

public sealed class MethodTests
{
    [Fact]
    public void Samples_OfAllMethods_AreComplete()
    {
        var types = typeof(IMethod).Assembly.GetTypes().Where(type => type.IsValueType && type.IsAssignableTo(typeof(IMethod))).Select(type => type.Name);
        var constants = typeof(MethodId).GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.FieldType == typeof(uint));

        Assert.Equal(types.Order(), MethodSamples.All.Select(sample => sample.Method.GetType().Name).Order());
        Assert.Equal(
            constants.Select(field => (field.Name, (uint)field.GetRawConstantValue()!)).Order(),
            MethodSamples.All.Select(sample => (sample.Method.GetType().Name, sample.Method.Id)).Order());
    }

    [Fact]
    public void Name_OfEveryMethod_IsTheSpecificationsName()
    {
        foreach (var sample in MethodSamples.All)
        {
            var name = MethodId.Name(sample.Method.Id);
            Assert.Equal(sample.Method.GetType().Name, name!.Replace(".", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal), ignoreCase: true);
        }

        Assert.Equal("basic.recover-async", MethodId.Name(MethodId.BasicRecoverAsync));
        Assert.Equal((40 << 16) | 51, (int)MethodId.ExchangeUnbindOk);
        Assert.Null(MethodId.Name((60u << 16) | 41));
    }

    [Theory]
    [MemberData(nameof(MethodSamples.Names), MemberType = typeof(MethodSamples))]
    public void WriteThenRead_EveryMethod_GivesAnEqualMethod(string name)
    {
        var sample = MethodSamples.ByName(name);
        var frame = sample.WriteFrame(515);

        Assert.True(FrameReader.TryRead(frame, frame.Length, out var type, out var channel, out var payload, out var consumed));
        Assert.Equal((FrameType.Method, 515, frame.Length), (type, channel, consumed));
        Assert.Equal(sample.Method.Id, MethodFrame.ReadId(payload, out var fields));
        Assert.Equal(sample.Method.Size, fields.Length);
        Assert.Equal(sample.Method, sample.Read(fields.ToArray()));
    }

    [Theory]
    [MemberData(nameof(MethodSamples.Names), MemberType = typeof(MethodSamples))]
    public void Read_BytesMissingOrLeftOver_IsAFrameErrorThatNamesTheMethod(string name)
    {
        var sample = MethodSamples.ByName(name);
        var fields = sample.Fields();
        var wrong = Enumerable.Range(0, fields.Length).Select(length => fields[..length]).Append([.. fields, 0]);
        foreach (var bytes in wrong)
        {
            var error = Assert.Throws<AmqpConnectionException>(() => sample.Read(bytes));
            Assert.Equal(ReplyCode.FrameError, error.ReplyCode);
            Assert.Equal(sample.Method.Id, ((uint)error.ClassId << 16) | error.MethodId);
            Assert.StartsWith("FRAME_ERROR - cannot decode <<", error.Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Read_ShortStringNotUtf8_IsAFrameError()
    {
        var error = Assert.Throws<AmqpConnectionException>(() => MethodFrame.Read<ConnectionBlocked>([2, 0xC3, 0x28]));

        Assert.Equal("FRAME_ERROR - Malformed UTF-8 in shortstr", error.Text);
    }

    [Fact]
    public void Read_TruncatedMethod_ShowsTheBytesAsErlangDoes()
    {
        var error = Assert.Throws<AmqpConnectionException>(() => MethodFrame.Read<BasicAck>([1, 2, 255]));

        Assert.Equal("FRAME_ERROR - cannot decode <<1,2,255>>", error.Text);
    }

    [Fact]
    public void ReadId_FewerThanFourOctets_IsAFrameError()
    {
        var error = Assert.Throws<AmqpConnectionException>(() => MethodFrame.ReadId([0, 60, 0], out _));

        Assert.Equal(ReplyCode.FrameError, error.ReplyCode);
    }

    [Fact]
    public void Write_ShortStringTooLong_IsRefusedAndNothingWritten()
    {
        var output = new System.Buffers.ArrayBufferWriter<byte>();

        Assert.Throws<ArgumentException>(() => MethodFrame.Write(output, 1, new BasicCancel(new string('ä', 128), false)));
        Assert.Equal(0, output.WrittenCount);
    }

    [Fact]
    public void PublishView_WriteThenRead_AgreesWithTheRecord()
    {
        var buffer = new byte[BasicPublishView.FrameSize(4, 3)];
        Assert.Equal(buffer.Length, BasicPublishView.WriteFrame(buffer, 1, "logs"u8, "a.b"u8, mandatory: true));
        Assert.Equal(MethodSample.Frame(1, new BasicPublish("logs", "a.b", true, false)), buffer);

        var view = BasicPublishView.Read(MethodSample.Of(new BasicPublish("logs", "", false, true)).Fields());
        Assert.Equal("logs"u8, view.Exchange);
        Assert.Equal(""u8, view.RoutingKey);
        Assert.Equal((false, true), (view.Mandatory, view.Immediate));
    }

    [Fact]
    public void PublishView_BytesMissingOrLeftOver_IsAFrameError()
    {
        var fields = MethodSample.Of(new BasicPublish("logs", "a.b", true, true)).Fields();
        var wrong = Enumerable.Range(0, fields.Length).Select(length => fields[..length]).Append([.. fields, 0]);
        foreach (var bytes in wrong)
        {
            var error = Assert.Throws<AmqpConnectionException>(() => BasicPublishView.Read(bytes).Mandatory);
            Assert.Equal((ReplyCode.FrameError, 60, 40), (error.ReplyCode, error.ClassId, error.MethodId));
        }
    }

    [Fact]
    public void DeliverView_WriteThenRead_AgreesWithTheRecord()
    {
        var buffer = new byte[BasicDeliverView.FrameSize(3, 4, 5)];
        Assert.Equal(buffer.Length, BasicDeliverView.WriteFrame(buffer, 2, "tag"u8, 77, true, "logs"u8, "a.b.c"u8));
        Assert.Equal(MethodSample.Frame(2, new BasicDeliver("tag", 77, true, "logs", "a.b.c")), buffer);

        var view = BasicDeliverView.Read(buffer.AsSpan()[11..^1]);
        Assert.Equal("tag"u8, view.ConsumerTag);
        Assert.Equal((77UL, true), (view.DeliveryTag, view.Redelivered));
        Assert.Equal("logs"u8, view.Exchange);
        Assert.Equal("a.b.c"u8, view.RoutingKey);
    }

    [Fact]
    public void DeliverView_Renumbered_IsTheFrameOfTheOtherDelivery()
    {
        var (first, second) = (new byte[64], new byte[64]);
        BasicDeliverView.WriteFrame(first, 2, "tag"u8, 77, false, "logs"u8, "a.b.c"u8);
        BasicDeliverView.WriteFrame(second, 2, "tag"u8, ulong.MaxValue, true, "logs"u8, "a.b.c"u8);

        BasicDeliverView.Renumber(first, 3, ulong.MaxValue, true);

        Assert.Equal(second, first);
    }
}
