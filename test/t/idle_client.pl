# One session of a client is idle in a transaction that holds all it can hold,
# later also a settler who has sealed: whatever is about another client ends
# within two seconds, without a lock_timeout set, and what is about the client
# says 55P03.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IPC::Run ();
use LedgerTest;
use Test::More;

my $node = ledger_node('idle_client');
my ($idle, $other) = ('IDLA', 'IDLB');

foreach my $client ($idle, $other)
{
	make_world($node, $client, 9, '900.00');
	make_cash($node, $client);
	in_ledger($node, <<"SQL");
SELECT change_cash_terms('$client', availability_days => 0, minimum_withdrawal => '1.00 USD');
SELECT (open_account('$client', 'FBO', 'DueTo:CORP', 'USD')).account;
SELECT open_client('${client}S', funding_model => 'NET_SETTLEMENT', at => '2025-01-01Z'), open_customer('${client}S', '${client}000S');
SELECT post_trade('${client}000S', 'BUY', '0.1 BTC', 'LP$client', 'settled by window', provider_price => '60000.00 USD/BTC', executed_at => '2025-06-01 15:00Z');
SELECT count(*) FROM close_window('${client}S', '2025-06-02');
SELECT post_trade('${client}000S', 'BUY', '0.1 BTC', 'LP$client', 'in the next window', provider_price => '60000.00 USD/BTC', executed_at => '2025-06-02 15:00Z');
SELECT post_trade('${client}0092', side, '0.001 BTC', 'LP$client', 'due ' || side, provider_price => '60000.00 USD/BTC', executed_at => '2026-03-05 15:00Z') FROM unnest('{BUY,SELL}'::text[]) AS side;
SELECT receive_wire('$client', '50.00 USD', 'free wire', '${client}0091', at => '2026-03-05 14:00Z'), post_trade('${client}0091', 'BUY', '0.0001 BTC', 'LP$client', 'due and free', provider_price => '60000.00 USD/BTC', executed_at => '2026-03-05 15:00Z');
SELECT initiate_deposit('${client}0092', '1.00 USD', n || ' deposit', at => '2026-03-05 15:00Z') FROM unnest('{new,other,due}'::text[]) AS n;
SELECT credit_deposit('$client', 'due deposit', at => '2026-03-05 16:00Z');
SELECT request_withdrawal('${client}0092', '1.00 USD', n || ' withdrawal', at => '2026-03-05 17:00Z') FROM unnest('{new,sent}'::text[]) AS n;
SELECT send_withdrawal('$client', 'sent withdrawal', at => '2026-03-05 18:00Z');
SELECT authorize_hold('$client', account_of('$client', 'FBO', 'Cust:${client}0001:settled', 'USD'), '1.00 USD', 'expired', '2026-03-06Z', '2026-03-05Z');
SELECT authorize_hold('$client', account_of('$client', 'FBO', 'Cust:${client}0001:settled', 'USD'), '1.00 USD', 'hold');
SELECT propose_journal('$client', journal_entry(line('Dr', account_of('$client', 'CORP', 'Bank:operating', 'USD'), '1 USD'), line('Cr', account_of('$client', 'CORP', 'Equity', 'USD'), '1 USD')), 'proposed', 'by hand');
SELECT propose_cash_call_write_off('$client', call) FROM cash_calls('$client') WHERE customer = '${client}0093';
SQL
}
in_ledger($node, "SELECT open_bank_account('OP$_', 'OPERATING', 'The bank', 'USD', 'Bank:operating:$_')") foreach ('IDLE', 'NEW');
in_ledger($node, q{CREATE ROLE second_person IN ROLE bakkt_ledger_approver; CREATE ROLE tenant; SELECT seal()});

# %c: the client; %cS: its sister that settles by windows
my $holds_all = <<'SQL';
SELECT load_journal('%c', journal_entry(line('Dr', account_of('%c', 'FBO', 'Bank:omnibus', 'USD'), '1.00 USD'), line('Cr', account_of('%c', 'FBO', 'Cust:%c0001:settled', 'USD'), '1.00 USD')), 'idle');
SELECT post_trade('%c0092', 'BUY', '0.001 BTC', 'LP%c', 'idle buy', provider_price => '60000.00 USD/BTC');
SELECT bust_trade('%c0092', 'due BUY', 'idle bust');
SELECT authorize_hold('%c', account_of('%c', 'FBO', 'Cust:%c0001:settled', 'USD'), '1.00 USD', 'idle hold'), release_hold('%c', 'hold', 'idle release');
SELECT initiate_deposit('%c0092', '2.00 USD', 'idle deposit'), cancel_deposit('%c', 'new deposit'), request_withdrawal('%c0092', '1.00 USD', 'idle withdrawal'), cancel_withdrawal('%c', 'new withdrawal');
SELECT credit_deposit('%c', 'other deposit'), complete_withdrawal('%c', 'sent withdrawal'), receive_wire('%c', '3.00 USD', 'idle wire');
SELECT confirm_fbo_transfer('%c', 'in transit', 'idle bank'), open_apex_batch('%c', 'idle batch');
SELECT record_wire('%cS', 'received', '1.00 USD', 'idle wire');
SELECT change_client('%c', name => 'Idle'), change_cash_terms('%c', write_off_days => 7), change_customer('%c0092', mode => 'CLOSING_ONLY'), grant_client_access('%c', 'tenant');
SELECT (open_account('%c', 'CORP', 'Bank:operating:IDLE', 'USD')).account, open_customer(customer => '%c9999', client => '%c');
SELECT freeze_account(account_of('%c', 'CORP', 'Equity', 'USD'), 'credit', reason => 'idle'), freeze_account(account_of('%c', 'FBO', 'Cust:%c0001:settled', 'USD'), 'debit', reason => 'idle');
SQL

# What is called, about either client.  The last column: 00000 where it leaves
# what is locked to its next run, or needs nothing of it, so that it ends
# without 55P03 also for the client that is idle.
my @calls = (
	['freezing a house account', "SELECT freeze_account(account_of('%c', 'CORP', 'Equity', 'USD'), 'credit', reason => 'test')"],
	['freezing another house account', "SELECT freeze_account(account_of('%c', 'FBO', 'Bank:omnibus', 'USD'), 'credit', reason => 'test')"],
	['freezing a claim', "SELECT freeze_account(account_of('%c', 'FBO', 'Cust:%c0001:settled', 'USD'), 'debit', reason => 'test')"],
	['closing a house account', "SELECT close_account((open_account('%c', 'CORP', 'Bank:operating:NEW', 'USD')).account, reason => 'test')"],
	['closing a client', "SELECT close_client('%c')"],
	['changing a client', "SELECT change_client('%c', name => 'other')"],
	['changing cash terms', "SELECT change_cash_terms('%c', write_off_days => 6)"],
	['changing a customer', "SELECT change_customer('%c0092', mode => 'LOCKED')"],
	['granting access', "SELECT grant_client_access('%c', 'tenant')"],
	['opening an account', "SELECT (open_account('%c', 'CORP', 'Bank:operating:IDLE', 'USD')).account"],
	['opening a customer', "SELECT open_customer(customer => '%c9999', client => '%c')"],
	['posting by hand', "SELECT load_journal('%c', journal_entry(line('Dr', account_of('%c', 'CORP', 'Bank:operating', 'USD'), '1.00 USD'), line('Cr', account_of('%c', 'CORP', 'Equity', 'USD'), '1.00 USD')), 'house')"],
	['a trade', "SELECT post_trade('%c0093', 'BUY', '0.001 BTC', 'LP%c', 'one more', provider_price => '60000.00 USD/BTC')"],
	['a bust', "SELECT bust_trade('%c0093', 'unpaid', 'one bust')"],
	['a coin deposit', "SELECT deposit_coin('%c0093', '0.001 BTC', 'coin')"],
	['a hold', "SELECT authorize_hold('%c', account_of('%c', 'FBO', 'Cust:%c0001:settled', 'USD'), '1.00 USD', 'hold 2')"],
	['releasing a hold', "SELECT release_hold('%c', 'hold', 'release')"],
	['a deposit', "SELECT initiate_deposit('%c0092', '1.00 USD', 'one more deposit')"],
	['a withdrawal', "SELECT request_withdrawal('%c0092', '1.00 USD', 'one more withdrawal')"],
	['crediting a deposit', "SELECT credit_deposit('%c', 'other deposit')"],
	['declining a deposit', "SELECT decline_deposit('%c', 'new deposit')"],
	['returning a deposit', "SELECT return_deposit('%c', 'cash', 'R01')"],
	['sending a withdrawal', "SELECT send_withdrawal('%c', 'new withdrawal')"],
	['completing a withdrawal', "SELECT complete_withdrawal('%c', 'sent withdrawal')"],
	['returning a withdrawal', "SELECT return_withdrawal('%c', 'sent withdrawal', 'R01')"],
	['a wire', "SELECT receive_wire('%c', '1.00 USD', 'one more wire', '%c0092')"],
	['settling deposits', "SELECT count(*) FROM settle_deposits(client => '%c')", '00000'],
	['running cash calls', "SELECT count(*) FROM process_cash_calls(client => '%c')"],
	['instructing settlement transfers', "SELECT count(*) FROM instruct_settlement_transfers(client => '%c')"],
	['a transfer by hand', "SELECT instruct_fbo_transfer('%c', '1.00 USD', 'by hand')"],
	['confirming a transfer', "SELECT confirm_fbo_transfer('%c', 'in transit', 'bank 2')"],
	['failing a transfer', "SELECT fail_fbo_transfer('%c', 'in transit', 'limit')"],
	['topping up deficits', "SELECT count(*) FROM top_up_deficits(client => '%c')"],
	['an aged list', "SELECT count(*) FROM take_aged_tpj('AM', client => '%c')"],
	['proposing write-offs', "SELECT count(*) FROM propose_cash_call_write_offs(client => '%c')", '00000'],
	['charging write-offs', "SELECT count(*) FROM charge_cash_call_write_offs(client => '%c')", '00000'],
	['an Apex batch', "SELECT open_apex_batch('%c', 'idle batch')"],
	['an Apex wire', "SELECT record_apex_wire('%c', 'sent', '1.00 USD', 'a wire')"],
	['a wire of settlement', "SELECT record_wire('%cS', 'received', '1.00 USD', 'one more wire')"],
	['closing a window', "SELECT count(*) FROM close_window('%cS', '2025-06-03')"],
	['closing what is due', "SELECT count(*) FROM close_due_windows('2025-06-04Z', '%cS')"],
	['changing the settlement', "SELECT change_settlement('%cS', cash_calendar => 'FEDWIRE')"],
	['reading balances, calls and proof', "SELECT count(*) FROM balances('%c'), cash_calls('%c'), fbo_proof('%c')", '00000']);

# About no client.
my @shared = (
	['retiring an asset', "SELECT retire_asset('EUR')"], ['reinstating an asset', "SELECT reinstate_asset('EUR')"],
	['registering an asset', "SELECT register_asset('XYZ', 'COIN', 8)"],
	['opening an instrument', "SELECT register_asset('XYZ', 'COIN', 8), open_instrument('XYZUSD', 'XYZ', 'USD', '0.01 USD/XYZ', '0.01 XYZ')"],
	['retiring an instrument', "SELECT retire_instrument('YFIUSD')"],
	['opening a client', "SELECT open_client('NEW')"], ['opening a provider', "SELECT open_provider('NEW', 'New')"],
	['changing a provider', "SELECT change_provider('LPIDLA', name => 'Other')"],
	['opening a bank account', "SELECT open_bank_account('NEW', 'FBO', 'new')"],
	['changing a job', "SELECT change_job('seal', every => '2 minutes')"],
	['sweeping holds', "SELECT expire_holds()"],
	['verifying the ledger', "SELECT count(*) FROM verify()"], ['reading the digest', "SELECT * FROM digest()"]);

# Idle until the harness is finished.
sub start_idle
{
	my ($sql) = @_;
	my $session = { in => "BEGIN;\n$sql\n\\echo it is idle\n", out => '', err => '' };

	$session->{harness} = IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($LedgerTest::database) ],
		'<', \$session->{in}, '>', \$session->{out}, '2>', \$session->{err}, IPC::Run::timeout(60));
	$session->{harness}->pump until $session->{out} =~ /it is idle/ || $session->{err} =~ /ERROR/;
	like($session->{out}, qr/it is idle/, 'a session sits idle in a transaction with its locks') or diag($session->{err});
	return $session;
}

sub end_idle
{
	my ($session) = @_;
	$session->{in} .= "ROLLBACK;\n\\q\n";
	$session->{harness}->finish;
	return;
}

sub about
{
	my ($sql, $client) = @_;
	return $sql =~ s/%c/$client/gr;
}

# The calls, each in a transaction that is rolled back; statement_timeout (57014) is the two seconds.
sub judge
{
	my ($client, $name, $expected, @call) = @_;
	my @state = sqlstates($node, "SET LOCAL statement_timeout = '2s'", map { about($_->[1], $client) } @call);

	is($state[$_], ref $expected ? $expected->($call[$_]) : $expected, sprintf($name, $call[$_][0])) foreach 0 .. $#call;
	return;
}

judge($other, '%s works while nobody is idle', sub { $_[0][0] eq 'closing a client' ? 'LG035' : '00000' }, @calls, @shared);

my $tenant = start_idle(about($holds_all, $idle));
judge($other, '%s is not stopped by an idle transaction of another client', sub { $_[0][0] eq 'closing a client' ? 'LG035' : '00000' }, @calls, @shared);
judge($idle, '%s of the idle client ends within two seconds',
	sub { defined $_[0][2] && $_[0][2] eq '00000' ? '00000' : '55P03' }, @calls);

my $settler = start_idle('SELECT seal();');
judge($other, '%s ends within two seconds while a settler who has sealed is idle',
	sub { $_[0][0] eq 'closing a client' ? 'LG035' : $_[0][0] =~ /^(an aged list|closing a window|closing what is due)$/ ? '55P03' : '00000' }, @calls, @shared);
is(sqlstate_of($node, 'SELECT seal()'), '55P03', 'a second sealer is refused while the first has not committed');
end_idle($_) foreach $settler, $tenant;
verify_clean($node, 'after the idle sessions ended');

$node->stop;
done_testing();
