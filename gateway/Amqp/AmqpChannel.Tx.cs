using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core;
using Granary.Gateway.Amqp.Publishing;

namespace Granary.Gateway.Amqp;

/// <summary>The methods of the classes confirm and tx.</summary>
internal sealed partial class AmqpChannel
{
    private void OnConfirmSelect(in ConfirmSelect method)
    {
        _outcomes.SelectConfirms();
        if (!method.NoWait)
        {
            Connection.Send(Number, new ConfirmSelectOk());
        }
    }

    private void OnTxSelect()
    {
        _outcomes.SelectTransaction();
        Connection.Send(Number, new TxSelectOk());
    }

    private async ValueTask OnTxCommitAsync()
    {
        var transaction = RequireTransaction(MethodId.TxCommit);
        Check(
            transaction.IsTooLate ? new BrokerError(ReplyCode.PreconditionFailed, "the lease of a delivery that the transaction settles is over") : null,
            MethodId.TxCommit);
        var isComplete = await _outcomes.CommitAsync(transaction, SettleNow).ConfigureAwait(false);
        Check(isComplete ? null : new BrokerError(ReplyCode.PreconditionFailed, "partial tx completion"), MethodId.TxCommit);
        Connection.Send(Number, new TxCommitOk());
    }

    private void OnTxRollback()
    {
        var transaction = RequireTransaction(MethodId.TxRollback);
        Connection.Publisher.Seal();
        _unacked.Restore(transaction.Rollback(), Connection.Patience.Now);
        Connection.Send(Number, new TxRollbackOk());
    }

    private Transaction RequireTransaction(uint method) =>
        _outcomes.Transaction ?? throw new AmqpChannelException(ReplyCode.PreconditionFailed, "channel is not transactional", method);
}
