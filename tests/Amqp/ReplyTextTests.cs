using System.Text;

namespace Granary.Amqp.Tests;

public sealed class ReplyTextTests
{
    [Fact]
    public void Format_WithAndWithoutExplanation_StartsWithTheName()
    {
        Assert.Equal("NOT_FOUND - no queue 'q' in vhost '/'", ReplyText.Format(ReplyCode.NotFound, "no queue 'q' in vhost '/'"));
        Assert.Equal("NO_ROUTE", ReplyText.Format(ReplyCode.NoRoute));
    }

    [Fact]
    public void Name_OfEveryCode_IsTheConstant()
    {
        foreach (var code in Enum.GetValues<ReplyCode>().Where(code => code != ReplyCode.Success))
        {
            Assert.Equal(code.ToString(), ReplyText.Name(code).Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => ReplyText.Name((ReplyCode)999));
    }

    [Theory]
    [InlineData(243, false)] // NOT_FOUND and the dash are 12 bytes
    [InlineData(244, true)]
    [InlineData(5000, true)]
    public void Format_LongExplanation_IsCutTo255Bytes(int length, bool cut)
    {
        var text = ReplyText.Format(ReplyCode.NotFound, new string('x', length));

        Assert.Equal(255, Encoding.UTF8.GetByteCount(text));
        Assert.Equal(cut, text.EndsWith("x...", StringComparison.Ordinal));
    }

    [Fact]
    public void Format_LongExplanation_IsNotCutInsideACharacter()
    {
        for (var shift = 0; shift < 4; shift++)
        {
            var text = ReplyText.Format(ReplyCode.NotFound, new string('x', shift) + string.Concat(Enumerable.Repeat("😀", 100)));

            Assert.InRange(Encoding.UTF8.GetByteCount(text), 252, 255);
            Assert.EndsWith("😀...", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Exceptions_OfBothKinds_CarryWhatACloseSays()
    {
        AmqpException[] errors = [new AmqpChannelException(ReplyCode.NotFound, "x", MethodId.QueueDeclare), new AmqpConnectionException(ReplyCode.NotFound, "x", MethodId.QueueDeclare)];
        foreach (var error in errors)
        {
            Assert.Equal((ReplyCode.NotFound, "NOT_FOUND - x", 50, 10), (error.ReplyCode, error.Text, error.ClassId, error.MethodId));
        }
    }
}
